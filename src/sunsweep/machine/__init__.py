"""The program on the machine: sensors to the broker, commands to the drive."""
