"""What `make bench` measures; figures are ratios within one run, machines are noisy."""
