// Takes an engine's instructions in order: tokens in, the work, tokens out.
module sequencer #(
    parameter int INPUTS = 1,
    parameter int OUTPUTS = 1
) (
    input  logic               clock,
    input  logic               reset,
    input  logic               stop,       // a trap: begin nothing more
    input  logic               available,  // an instruction waits
    input  logic [INPUTS-1:0]  needed,
    input  logic [OUTPUTS-1:0] owed,
    input  logic [INPUTS-1:0]  present,    // channels with a token
    output logic [INPUTS-1:0]  take,
    input  logic [OUTPUTS-1:0] room,       // channels with room for a token
    output logic [OUTPUTS-1:0] put,
    output logic               start,
    input  logic               done,       // the engine is idle
    output logic               pop,
    output logic               busy,
    output logic               waiting     // for a token, or for room for one
);
  typedef enum logic [1:0] {
    READY,
    BEGUN,
    RUN
  } state_t;
  state_t state;

  wire ready = available && !stop && (needed & ~present) == '0;
  wire finished = state == RUN && done;
  wire leave = finished && (owed & ~room) == '0;

  assign start = state == READY && ready;
  assign take = start ? needed : '0;
  assign put = leave ? owed : '0;
  assign pop = leave;
  assign busy = state != READY;
  assign waiting = (state == READY && available && !ready) || (finished && !leave);

  always_ff @(posedge clock) begin
    case (state)
      READY: if (ready) state <= BEGUN;
      BEGUN: state <= RUN;  // the engine takes a cycle to stop being idle
      RUN: if (leave) state <= READY;
      default: state <= READY;
    endcase
    if (reset) state <= READY;
  end
endmodule
