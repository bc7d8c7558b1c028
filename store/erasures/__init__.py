"""What is emptied of people: on request, and with age."""
