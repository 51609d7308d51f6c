"""Facts and rules that every layer speaks: standard library and pydantic only."""
