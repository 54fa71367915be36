"""What is typed of a machine, for a new one and for changing one."""
