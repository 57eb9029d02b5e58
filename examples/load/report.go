package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"text/tabwriter"
	"time"
)

// report is everything that was measured.
type report struct {
	Store     string        `json:"store"`
	Go        string        `json:"go"`
	Cores     int           `json:"cores"`
	Seed      uint64        `json:"seed"`
	Rounds    int           `json:"rounds"`
	Duration  time.Duration `json:"duration_ns"`
	Sockets   bool          `json:"sockets"`
	Idle      int64         `json:"idle_bytes"`                   // memory of this process with a desk at rest; 0: unknown
	Carrier   float64       `json:"carrier_cpu_seconds_per_1000"` // already taken out of what both sides cost
	ServerCPU bool          `json:"server_cpu_known"`
	Results   []result      `json:"results"`
}

// result is one scenario with one number of workers: medians of all rounds.
type result struct {
	Scenario string  `json:"scenario"`
	About    string  `json:"about"`
	Workers  int     `json:"workers"`
	Desk     figures `json:"desk"`
	Bare     figures `json:"bare"`
	// Ratio is the desk's rate by the reference's of the same round, RatioLow and RatioHigh the worst and best round's;
	// 0 where one side was left out.
	Ratio     float64 `json:"ratio"`
	RatioLow  float64 `json:"ratio_low"`
	RatioHigh float64 `json:"ratio_high"`
	// Wrong is how much of what the desk acknowledged was lost, out of order or not as it should be, over all numbers of
	// workers of the scenario. It must be 0.
	Wrong int `json:"wrong"`
}

// figures are one side's medians.
type figures struct {
	Rate   float64       `json:"per_second"`
	P50    time.Duration `json:"p50_ns"`
	P99    time.Duration `json:"p99_ns"`
	CPU    float64       `json:"cpu_seconds_per_1000"`
	Server float64       `json:"server_cpu_seconds_per_1000"`
	Memory int64         `json:"memory_bytes"`
	Failed int           `json:"failed"`
	Error  string        `json:"error,omitempty"` // the first
}

func (b *bench) newReport(ctx context.Context) report {
	return report{
		Store: b.db.name, Go: runtime.Version(), Cores: runtime.GOMAXPROCS(0), Seed: b.seed, Rounds: b.rounds, Duration: b.duration,
		Sockets: b.sockets, Idle: b.idle, Carrier: b.carrierCost(ctx), ServerCPU: b.meter.postmaster != 0,
	}
}

func newResult(s scenario, workers int, turns map[side][]turn, carrierCost float64) result {
	r := result{Scenario: s.name, About: s.about, Workers: workers}
	r.Desk, r.Bare = newFigures(turns[desk], carrierCost), newFigures(turns[bare], carrierCost)
	var ratios []float64
	for i := range min(len(turns[desk]), len(turns[bare])) {
		if base := turns[bare][i].rate(); base > 0 {
			ratios = append(ratios, turns[desk][i].rate()/base)
		}
	}
	if len(ratios) > 0 {
		slices.Sort(ratios)
		r.Ratio, r.RatioLow, r.RatioHigh = middle(ratios), ratios[0], ratios[len(ratios)-1]
	}
	return r
}

func newFigures(turns []turn, carrierCost float64) figures {
	f := figures{
		Rate:   median(turns, turn.rate),
		P50:    median(turns, func(t turn) time.Duration { return t.quantile(0.50) }),
		P99:    median(turns, func(t turn) time.Duration { return t.quantile(0.99) }),
		CPU:    max(median(turns, func(t turn) float64 { return t.per1000(t.cpu) })-carrierCost, 0),
		Server: median(turns, func(t turn) float64 { return t.per1000(t.server) }),
		Memory: median(turns, func(t turn) int64 { return t.memory }),
	}
	for _, t := range turns {
		f.Failed += t.failed
		if t.first != nil {
			f.Error = cmp.Or(f.Error, t.first.Error())
		}
	}
	return f
}

func (r report) writeJSON(out io.Writer) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "\t")
	return e.Encode(r)
}

func (r report) writeTable(out io.Writer) error {
	fmt.Fprintf(out, "%s, %s, %d cores, medians of %d rounds of %s, seed %d\n", r.Store, r.Go, r.Cores, r.Rounds, r.Duration, r.Seed)
	fmt.Fprintf(out, "A desk at rest takes %s MB of memory.\n\n", megabytes(r.Idle))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "scenario\tworkers\tdesk/s\tbare/s\tratio\tworst\tbest\tp50 ms\tbare\tp99 ms\tbare\tCPU s/1000\tbare\tserver\tbare\tMB\tfailed\twrong\t")
	for _, x := range r.Results {
		fmt.Fprintf(w, "%s\t%d\t%.0f\t%.0f\t%.2f\t%.2f\t%.2f\t%s\t%s\t%s\t%s\t%.3f\t%.3f\t%s\t%s\t%s\t%d\t%d\t\n",
			x.Scenario, x.Workers, x.Desk.Rate, x.Bare.Rate, x.Ratio, x.RatioLow, x.RatioHigh,
			millis(x.Desk.P50), millis(x.Bare.P50), millis(x.Desk.P99), millis(x.Bare.P99), x.Desk.CPU, x.Bare.CPU,
			r.server(x.Desk), r.server(x.Bare), megabytes(x.Desk.Memory), x.Desk.Failed+x.Bare.Failed, x.Wrong)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return r.explain(out)
}

// explain says what the scenarios and columns are.
func (r report) explain(out io.Writer) error {
	fmt.Fprintln(out)
	told := map[string]bool{}
	for _, x := range r.Results {
		if !told[x.Scenario] {
			fmt.Fprintf(out, "%-10s  %s\n", x.Scenario, x.About)
			told[x.Scenario] = true
		}
		for _, e := range []string{x.Desk.Error, x.Bare.Error} {
			if e != "" {
				fmt.Fprintf(out, "%s with %d workers failed first with: %s\n", x.Scenario, x.Workers, e)
			}
		}
	}
	_, err := fmt.Fprintf(out, `
ratio       desk : bare of the same round, the median, worst and best of all rounds
CPU         processor seconds of this process for 1,000 units, without the %.3f that the carrier's part costs in each
server      processor seconds of the PostgreSQL server for 1,000 units, if it runs on this machine
wrong       acknowledged and then lost, out of order, or left undone; must be 0
`, r.Carrier)
	return err
}

func (r report) server(f figures) string {
	if !r.ServerCPU {
		return "-"
	}
	return fmt.Sprintf("%.3f", f.Server)
}

func millis(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond))
}

func megabytes(n int64) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f", float64(n)/(1<<20))
}
