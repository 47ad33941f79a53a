"""Every fault that has to be survived, as an executable campaign over the finished functions: `make faults`."""
