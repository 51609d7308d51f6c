"""llama.cpp as a ChatModel: one thread, one context, every user in one batch."""
