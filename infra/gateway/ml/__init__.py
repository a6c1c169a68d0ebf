"""Live suggestions: Label Studio asks here what a question that it opens should begin with."""
