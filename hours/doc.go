// Package hours says when a helpdesk is open: now, and when that changes next.
//
// [BusinessHours] is what the engine asks, and a host may implement it itself. [Always] is open at every instant.
// Everything else is a [Schedule]: plain data with weekly slots, a time zone and dated exceptions, which
// [Schedule.Compile] checks whole and turns into a [Timetable], ready to be asked by many goroutines.
//
// # The rule
//
// The desk is open exactly when the wall clock of the schedule's zone shows a time inside a slot. All else follows:
//
//   - A slot is half-open, [from, to): open at the instant of from, closed at the instant of to. Slots that
//     touch are one opening without a break.
//   - A slot whose end is before its start runs past midnight. It belongs to the day on which it starts. "24:00" is
//     midnight at the end of the day.
//   - An exception on a date replaces the slots that start on that date. A night slot from the day before runs to its
//     end.
//   - Clocks go forward: a time that is skipped is never shown, so it is never open. A slot that starts inside the gap
//     opens at the jump, one that lies inside it doesn't open that day, and one that ends inside it closes at the
//     jump. It never opens an hour early, as [time.Date] would have it.
//   - Clocks go back: a time that is shown twice counts twice. A slot that ends inside the repeated hour is left, is
//     entered again when the clock goes back, and is left once more. [Timetable.ClosedSince] names both closed
//     stretches alike, so that whoever tells customers once per closed period does so once.
//   - A zone that jumps over a whole date (Samoa, 30 December 2011) never shows it. A night slot of that date still
//     covers the early hours of the next one, since the wall clock shows them.
//
// # Zone data
//
// Zones come from [time.LoadLocation]: the host's zone files, or else the copy that a program embeds with
//
//	import _ "time/tzdata" // adds about 450 kB
//
// which is the host's choice, since it grows the binary. Containers built from scratch have no zone files and need it.
// A zone that can't be loaded is an error of Compile. It is never replaced by UTC.
package hours
