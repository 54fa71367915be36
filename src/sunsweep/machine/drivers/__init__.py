"""Bodies a machine can have; the config file names one."""
