"""web.xml and web-fragment.xml, read into values."""
