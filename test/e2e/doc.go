// Package e2e does what people do, in a real headless Chromium against the built
// program: they buy with a phone, with scripts off and with the keyboard alone, ask,
// withdraw, and work in the back office.
//
// journeys (main_test.go) is the table of contents. All journeys share one shop, one
// browser and two processors; each has a browser context (cookies, cache) and a
// network address of its own. A tab clicks where a person would, types as the
// keyboard does, and waits for pages and elements, never for time to pass.
//
// Every tab watches what it is shown: a violated policy, an error or warning in the
// console, a request to another origin, a resource that fails, and a document with
// an unexpected status fail the journey that saw them.
//
// pages_test.go lists every page of the route table and in which states it is
// looked at; axe-core (which test/scripts/setup.sh fetches into .cache) must find
// nothing there, and nothing may scroll sideways.
//
// A journey that fails leaves a picture of what it saw in .cache/e2e. Environment:
// KASSAVALV_CHROMIUM names the browser, otherwise it is found in PATH.
package e2e
