"""The widgets of the workbench. Import each from its own module, so that a screen loads only what it shows."""
