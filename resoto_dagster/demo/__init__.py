"""The demo: a simulated AWS with an estate to collect and clean up, and a look at what is really left."""
