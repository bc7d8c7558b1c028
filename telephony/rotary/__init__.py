"""RotaryRouter, the neutral contract."""
