/* js_wire */
