// The AXI4 master: fetch and the load engine share the read channels, the store engine has the
// write channels. Load and store see the program's memory, fetch sees the bus.
module memory_bus #(
    parameter int BUS_BYTES = 8
) (
    input  logic        clock,
    input  logic        resetn,
    input  logic        abandon,      // end what is under way
    output logic        quiet,        // nothing is under way
    input  logic [31:0] memory_base,
    input  logic [31:0] memory_size,

    input  logic                   fetch_start,
    input  logic [31:0]            fetch_address,
    input  logic [23:0]            fetch_words,
    output logic                   fetch_idle,
    output logic                   fetch_valid,
    input  logic                   fetch_ready,
    output logic [BUS_BYTES*8-1:0] fetch_word,
    output logic                   fetch_fault,

    input  logic                   load_start,
    input  logic [31:0]            load_address,
    input  logic [23:0]            load_words,
    output logic                   load_free,     // takes the next start
    output logic                   load_valid,
    input  logic                   load_ready,
    output logic [BUS_BYTES*8-1:0] load_word,
    output logic                   load_fault,

    input  logic                   store_start,
    input  logic [31:0]            store_address,
    input  logic [23:0]            store_words,
    output logic                   store_idle,    // every word is in memory
    input  logic                   store_valid,
    output logic                   store_ready,
    input  logic [BUS_BYTES*8-1:0] store_word,
    input  logic [BUS_BYTES-1:0]   store_strobe,
    output logic                   store_fault,

    output logic                   arvalid,
    input  logic                   arready,
    output logic [31:0]            araddr,
    output logic [ 7:0]            arlen,
    output logic                   arid,
    output logic [ 2:0]            arsize,
    output logic [ 1:0]            arburst,
    output logic [ 3:0]            arcache,
    output logic [ 2:0]            arprot,
    input  logic                   rvalid,
    output logic                   rready,
    input  logic [BUS_BYTES*8-1:0] rdata,
    input  logic                   rid,
    input  logic [ 1:0]            rresp,
    input  logic                   rlast,
    output logic                   awvalid,
    input  logic                   awready,
    output logic [31:0]            awaddr,
    output logic [ 7:0]            awlen,
    output logic [ 2:0]            awsize,
    output logic [ 1:0]            awburst,
    output logic [ 3:0]            awcache,
    output logic [ 2:0]            awprot,
    output logic                   wvalid,
    input  logic                   wready,
    output logic [BUS_BYTES*8-1:0] wdata,
    output logic [BUS_BYTES-1:0]   wstrb,
    output logic                   wlast,
    input  logic                   bvalid,
    output logic                   bready,
    input  logic [ 1:0]            bresp
);
  // Bursts of whole words at rising addresses; memory may buffer and combine them.
  assign arsize = 3'($clog2(BUS_BYTES));
  assign awsize = 3'($clog2(BUS_BYTES));
  assign arburst = 2'b01;
  assign awburst = 2'b01;
  assign arcache = 4'b0011;
  assign awcache = 4'b0011;
  assign arprot = 3'b000;
  assign awprot = 3'b000;

  // ---------------------------------------------------------------- reads: 0 fetch, 1 load
  logic [1:0] ar_valid, ar_ready, r_ready, read_quiet;
  logic [63:0] ar_address;
  logic [15:0] ar_length;
  logic unused_free, unused_idle;
  logic load_granted, load_range_fault, load_read_fault;
  logic [31:0] load_bus_address;

  axi_reader #(.BUS_BYTES(BUS_BYTES)) fetch_reader (
      .clock, .resetn, .abandon, .start(fetch_start), .address(fetch_address),
      .words(fetch_words), .ready(unused_free), .idle(fetch_idle), .quiet(read_quiet[0]),
      .word_valid(fetch_valid), .word_ready(fetch_ready), .word(fetch_word),
      .fault(fetch_fault), .arvalid(ar_valid[0]), .arready(ar_ready[0]),
      .araddr(ar_address[31:0]), .arlen(ar_length[7:0]), .rvalid(rvalid && !rid),
      .rready(r_ready[0]), .rdata, .rresp, .rlast
  );

  memory_range #(.BUS_BYTES(BUS_BYTES)) load_range (
      .memory_base, .memory_size, .start(load_start), .address(load_address), .words(load_words),
      .granted(load_granted), .bus_address(load_bus_address), .fault(load_range_fault)
  );
  axi_reader #(.BUS_BYTES(BUS_BYTES)) load_reader (
      .clock, .resetn, .abandon, .start(load_granted), .address(load_bus_address),
      .words(load_words), .ready(load_free), .idle(unused_idle), .quiet(read_quiet[1]),
      .word_valid(load_valid), .word_ready(load_ready), .word(load_word),
      .fault(load_read_fault), .arvalid(ar_valid[1]), .arready(ar_ready[1]),
      .araddr(ar_address[63:32]), .arlen(ar_length[15:8]), .rvalid(rvalid && rid),
      .rready(r_ready[1]), .rdata, .rresp, .rlast
  );
  assign load_fault = load_range_fault || load_read_fault;

  // Fetch goes first. Once an address is offered, it stays until it is taken.
  logic granted, locked;
  wire chosen = locked ? granted : !ar_valid[0];
  assign arvalid = ar_valid[chosen];
  assign araddr = chosen ? ar_address[63:32] : ar_address[31:0];
  assign arlen = chosen ? ar_length[15:8] : ar_length[7:0];
  assign arid = chosen;
  assign ar_ready = {arready && chosen, arready && !chosen};
  assign rready = r_ready[rid];
  always_ff @(posedge clock) begin
    granted <= chosen;
    locked <= arvalid && !arready && resetn;
  end

  // ---------------------------------------------------------------- writes
  logic store_granted, store_range_fault, store_write_fault;
  logic [31:0] store_bus_address;
  memory_range #(.BUS_BYTES(BUS_BYTES)) store_range (
      .memory_base, .memory_size, .start(store_start), .address(store_address),
      .words(store_words), .granted(store_granted), .bus_address(store_bus_address),
      .fault(store_range_fault)
  );
  axi_writer #(.BUS_BYTES(BUS_BYTES)) store_writer (
      .clock, .resetn, .abandon, .start(store_granted), .address(store_bus_address),
      .words(store_words), .idle(store_idle), .word_valid(store_valid),
      .word_ready(store_ready), .word(store_word), .strobe(store_strobe),
      .fault(store_write_fault), .awvalid, .awready, .awaddr, .awlen, .wvalid, .wready, .wdata,
      .wstrb, .wlast, .bvalid, .bready, .bresp
  );
  assign store_fault = store_range_fault || store_write_fault;

  assign quiet = read_quiet == '1 && store_idle;
endmodule
