"""Process models and the threads that requests run on."""
