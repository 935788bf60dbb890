"""The workbench: screens over the store and the services. Never imports torch or an LLM client."""
