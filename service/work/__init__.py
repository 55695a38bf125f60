"""Work that outlives the process: accepted requests are kept, run under a lease, and their results kept with them."""
