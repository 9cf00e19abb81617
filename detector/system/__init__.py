"""The ground floor: files, text, processes and the machine. Nothing in here knows of detection."""
