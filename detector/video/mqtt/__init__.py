"""What is seen, told to a broker as Home Assistant wants to hear it."""
