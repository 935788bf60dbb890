"""Export bundle in, LoRA adapter out. torch is imported only inside the training process, never by screens."""
