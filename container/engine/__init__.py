"""The servlet container proper."""
