"""The gallery: pages for people who would rather look, behind the owner's login."""
