"""Station `review`: questions, queues, answers, ask."""
