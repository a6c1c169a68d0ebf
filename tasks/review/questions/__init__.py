"""What a question is: its queue, its payload, its label config, its regions."""
