// Counts the cycles in which something is so. Counts stay after a run, until the next one begins.
module event_counters #(
    parameter int EVENTS = 1
) (
    input  logic                 clock,
    input  logic                 clear,
    input  logic [EVENTS-1:0]    counted,
    output logic [EVENTS*32-1:0] counts
);
  always_ff @(posedge clock)
    for (int i = 0; i < EVENTS; i++) begin
      if (counted[i]) counts[32*i+:32] <= counts[32*i+:32] + 32'd1;
      if (clear) counts[32*i+:32] <= '0;
    end
endmodule
