package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	store         string
	sockets       bool
	scenarios     []string
	workers       []int // nil: what each scenario wants
	duration      time.Duration
	rounds        int
	connections   int
	desks         int // engines that share the work
	strict        bool
	conversations int // that are there at the beginning
	messages      int // in each of them
	only          side
	seed          uint64
	json          bool
	cpuProfile    string
}

func parse(args []string, usage io.Writer) (options, error) {
	var o options
	var scenarios, workers, only string
	f := flag.NewFlagSet("load", flag.ContinueOnError)
	f.SetOutput(usage)
	f.StringVar(&o.store, "store", "", `"memory", "sqlite:PATH" or a postgres:// URL; required`)
	f.BoolVar(&o.sockets, "sockets", false, "post webhooks over loopback HTTP rather than straight into the handler")
	f.StringVar(&scenarios, "scenario", "all", "comma-separated `names`: "+strings.Join(scenarioNames(), ", "))
	f.StringVar(&workers, "workers", "", "comma-separated `numbers` of requests at once (default 4,16,64; for assignment 8)")
	f.DurationVar(&o.duration, "duration", 2*time.Second, "length of one round of one side")
	f.IntVar(&o.rounds, "rounds", 5, "rounds that count, of each side in turn; medians are reported")
	f.IntVar(&o.connections, "connections", 16, "connections to PostgreSQL, for each side")
	f.IntVar(&o.desks, "desks", 1, "engines that share the work, as that many processes would; each has its part of the connections")
	f.BoolVar(&o.strict, "check", false, "fail when a ratio is below half of what we promise, or anything was lost")
	f.IntVar(&o.conversations, "seed-conversations", 2000, "conversations that are there at the beginning; known senders are theirs")
	f.IntVar(&o.messages, "seed-messages", 1, "messages in each of them")
	f.StringVar(&only, "only", "", `measure one side alone, "desk" or "bare" (for profiles)`)
	f.Uint64Var(&o.seed, "seed", 0, "what all ids are made of; 0 takes one from the clock")
	f.BoolVar(&o.json, "json", false, "print JSON rather than a table")
	f.StringVar(&o.cpuProfile, "cpuprofile", "", "write a CPU profile of this process to `file`")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	o.only = side(only)
	if o.seed == 0 {
		o.seed = uint64(time.Now().UnixMicro())
	}
	var err error
	o.workers, err = numbers(workers)
	o.scenarios = strings.Split(scenarios, ",")
	if scenarios == "all" {
		o.scenarios = scenarioNames()
	}
	return o, errors.Join(err, o.check())
}

func numbers(list string) (out []int, err error) {
	if list == "" {
		return nil, nil
	}
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > 4096 {
			return nil, fmt.Errorf("-workers: %q is not a number from 1 to 4096", s)
		}
		out = append(out, n)
	}
	return out, nil
}

func (o options) check() error {
	var errs []error
	for _, s := range o.scenarios {
		if !slices.Contains(scenarioNames(), s) {
			errs = append(errs, fmt.Errorf("-scenario: %q is none of %s", s, strings.Join(scenarioNames(), ", ")))
		}
	}
	if o.only != "" && o.only != desk && o.only != bare {
		errs = append(errs, errors.New(`-only must be "desk" or "bare"`))
	}
	for _, n := range []struct {
		flag string
		bad  bool
	}{
		{"-duration", o.duration <= 0}, {"-rounds", o.rounds < 1}, {"-connections", o.connections < o.desks}, {"-desks", o.desks < 1},
		{"-seed-conversations", o.conversations < 1 || o.conversations > maxPeople}, {"-seed-messages", o.messages < 1},
	} {
		if n.bad {
			errs = append(errs, fmt.Errorf("%s is out of range", n.flag))
		}
	}
	return errors.Join(errs...)
}
