"""The parts of benches/compare: what is served, who serves it, how it is measured, how it is shown."""
