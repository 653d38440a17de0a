"""What code does to data, independent of any rule: the abstract interpreter."""
