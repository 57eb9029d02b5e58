package main

import (
	"errors"
	"fmt"
)

// promised is the least ratio to the reference that the library is held to on two cores, by store, scenario and workers. A
// short run on a machine that others use as well is allowed half of it.
var promised = map[string]map[string]map[int]float64{
	"PostgreSQL": {
		"known":    {4: 0.35, 16: 0.75, 64: 1.1},
		"new":      {4: 0.25, 16: 0.5, 64: 0.7},
		"receipts": {16: 1},
	},
	"SQLite": {
		"known":    {4: 0.8, 16: 1.2, 64: 1.5},
		"receipts": {16: 1},
	},
}

// broken says which results are below half of what is promised, and what went wrong.
func (r report) broken() error {
	var errs []error
	for _, x := range r.Results {
		least := promised[r.Store][x.Scenario][x.Workers] / 2
		if x.Ratio > 0 && x.Ratio < least {
			errs = append(errs, fmt.Errorf("%s with %d workers: ratio %.2f, want at least %.2f", x.Scenario, x.Workers, x.Ratio, least))
		}
		if x.Wrong+x.Desk.Failed > 0 {
			errs = append(errs, fmt.Errorf("%s with %d workers: %d failed, %d wrong", x.Scenario, x.Workers, x.Desk.Failed, x.Wrong))
		}
	}
	return errors.Join(errs...)
}
