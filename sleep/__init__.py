"""sleep consolidates: from the fast memory to the slow one."""
