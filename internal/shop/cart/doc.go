// Package cart is what someone wishes to buy. It promises nothing: it holds no
// stock and fixes no price; every look at it is computed anew from goods,
// prices, stock and delivery as they are (View), and says what has become of
// lines that cannot be had any more (Problems).
//
// A cart's id, as outsiders see it, is a secret token of 192 bits; the row
// keeps its hash. Its version rises with every change, so a purchase knows
// whether it was made from what the buyer saw. Requests carry intent only: a
// variant and a quantity, a code, a delivery option; never a price.
//
// Tables: cart_cart, cart_line.
package cart
