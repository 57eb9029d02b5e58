package storetest_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/livedesk/livedesk-go/livedesk"
	"github.com/livedesk/livedesk-go/livedesk/memstore"
	"github.com/livedesk/livedesk-go/livedesk/storetest"
)

// Cases are plain functions, for whoever runs the contract outside of a test.
func ExampleCases() {
	failed := 0
	for _, c := range storetest.Cases() {
		if c.Group != "TakeIn" {
			continue
		}
		err := c.Check(context.Background(), livedesk.Store(memstore.New()), nil)
		if skipped := new(storetest.SkipError); err != nil && !errors.As(err, &skipped) {
			failed++
		}
	}
	fmt.Println("clauses that don't hold:", failed)
	// Output: clauses that don't hold: 0
}
