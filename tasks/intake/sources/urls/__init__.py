"""Lists of addresses: pictures of the web, fetched with manners and with distrust."""
