// Package arch holds the rules of the house as tests: who may import whom, who
// owns which table, which words and constructs stay out.
package arch
