# The design has one clock, FCLK_CLK0, which the processing system's own constraints define, and no
# pins but those of the processing system: nothing to say about timing or places.

# A shorter file, which the processor loads in less time.
set_property BITSTREAM.GENERAL.COMPRESS TRUE [current_design]
