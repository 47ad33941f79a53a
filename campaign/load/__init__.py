"""Load: the deployed local stack at the highest rate that the machine holds, while half of all answers fail."""
