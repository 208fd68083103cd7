"""How fast mail may be sent: quota arithmetic, rate pacing, the budget of the control plane."""
