"""The LLM as environment: prompts in, typed results out. Nothing here writes to the store."""
