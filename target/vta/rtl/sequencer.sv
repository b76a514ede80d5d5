// Takes an engine's instructions in order: tokens in, the work, tokens out.
module sequencer #(
    parameter int INPUTS = 1,
    parameter int OUTPUTS = 1
) (
    input  logic               clock,
    input  logic               reset,
    input  logic               available,  // an instruction waits
    input  logic [INPUTS-1:0]  needed,
    input  logic [OUTPUTS-1:0] owed,
    input  logic [INPUTS-1:0]  present,    // channels with a token
    output logic [INPUTS-1:0]  take,
    input  logic [OUTPUTS-1:0] room,       // channels with room for a token
    output logic [OUTPUTS-1:0] put,
    output logic               start,
    input  logic               done,       // the engine is idle: in the cycle after `start` not yet
    output logic               pop,
    output logic               busy
);
  logic begun;  // the first instruction is being executed

  wire ready = available && (needed & ~present) == '0;
  wire finished = begun && done;
  wire leave = finished && (owed & ~room) == '0;

  assign start = !begun && ready;
  assign take = start ? needed : '0;
  assign put = leave ? owed : '0;
  assign pop = leave;
  assign busy = begun;

  always_ff @(posedge clock) begin
    if (start) begun <= 1'b1;
    if (leave) begun <= 1'b0;
    if (reset) begun <= 1'b0;
  end
endmodule
