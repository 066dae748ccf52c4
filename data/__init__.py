"""data ships: the instincts, the demo conversation, exam and recall sets."""
