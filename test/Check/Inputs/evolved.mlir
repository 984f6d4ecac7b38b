  evolve.lineage from("") {
    evolve.widen @net at(0) units(7)
    evolve.jitter_hyper @fit "lr" by(1.5)
  }
}
