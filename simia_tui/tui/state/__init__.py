"""What the screens show, as plain objects without Textual; widgets render them and hold no truth."""
