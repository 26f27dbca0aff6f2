// Package draw is a small drawing kit and the pictures made with it: one
// drawing per good of the demo shop, one per category and one for the home page.
//
// A picture is a pure function of its name and size: the same on every machine
// up to rounding, without fonts, files or clocks. Shapes are anti-aliased paths
// in a space of 1000 × 1000 units with y downwards; light falls from the upper
// left; each thing brings its own soft shadow, so that drawings can be put
// together to scenes.
//
// Nothing here runs in a shop. The command in cmd renders the pictures to JPEG
// files that package goods embeds (go generate).
//
// It refuses to load anything: letters are strokes of its own, textures are noise.
package draw
