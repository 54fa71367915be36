"""What is so now: frames and rows folded into machines and a fleet, without a word or a widget."""
