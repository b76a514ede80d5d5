// The state of a run: started, running, finished or trapped, and the engines' reset.
//
// A trap stops every engine; a run begins with engines, queues, tokens and slots as after a reset.
// The bus may not be reset: what is under way there is brought to its end (`abandon`), and a run
// waits for that.
module run_control (
    input logic clock,
    input logic resetn,

    input logic start,      // a pulse
    input logic clear,      // a pulse
    input logic bus_quiet,
    input logic done,       // every instruction was executed
    input logic moving,     // something happens in this cycle

    // Faults, by number of the engine; the last one is fetch.
    input logic       opcode_fault,
    input logic [5:0] field_faults,
    input logic [5:0] address_faults,
    input logic [5:0] bus_faults,

    output logic       abandon,
    output logic       reset,
    output logic       begin_run,    // a pulse
    output logic       running,
    output logic       finished,
    output logic [2:0] trap,
    output logic [2:0] trap_engine,  // where it came from: 5 is fetch, 7 none of them
    output logic       interrupt
);
  localparam logic [2:0] NONE = 3'd0, OPCODE = 3'd1, FIELD = 3'd2, ADDRESS = 3'd3, BUS = 3'd4;
  localparam logic [2:0] DEADLOCK = 3'd5;
  localparam logic [5:0] FETCH = 6'b100000;

  logic starting;  // a start waits for the bus
  assign abandon = clear || trap != NONE;
  assign reset = !resetn || abandon || start;
  assign begin_run = starting && bus_quiet;
  assign interrupt = finished || trap != NONE;

  // Nothing moves for as long as no memory should take: the engines wait for each other.
  localparam int PATIENCE_BITS = 16;
  logic [PATIENCE_BITS-1:0] still;
  wire deadlock = running && &still;

  logic [2:0] cause;
  logic [5:0] sources;
  always_comb begin
    cause = NONE;
    sources = '0;
    if (opcode_fault) begin
      cause = OPCODE;
      sources = FETCH;
    end else if (field_faults != 0) begin
      cause = FIELD;
      sources = field_faults;
    end else if (address_faults != 0) begin
      cause = ADDRESS;
      sources = address_faults;
    end else if (bus_faults != 0) begin
      cause = BUS;
      sources = bus_faults;
    end else if (deadlock) cause = DEADLOCK;
  end

  always_ff @(posedge clock) begin
    still <= moving || !running ? '0 : still + 1'b1;
    if (begin_run) starting <= 1'b0;
    if (start) begin
      starting <= 1'b1;
      running <= 1'b1;
      finished <= 1'b0;
      trap <= NONE;
    end else if (running && trap == NONE) begin
      trap <= cause;
      trap_engine <= 3'd7;
      for (int e = 5; e >= 0; e--) if (sources[e]) trap_engine <= 3'(e);
      if (cause == NONE && done) begin
        running <= 1'b0;
        finished <= 1'b1;
      end
    end else if (trap != NONE) running <= 1'b0;
    if (clear || !resetn) begin
      starting <= 1'b0;
      running <= 1'b0;
      finished <= 1'b0;
      trap <= NONE;
      trap_engine <= 3'd7;
    end
  end
endmodule
