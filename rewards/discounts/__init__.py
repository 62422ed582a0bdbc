"""What vouchers take off a basket: exact to the dong, and no database anywhere."""
