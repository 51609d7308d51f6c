"""The commands of ``chatbot`` beyond starting it."""
