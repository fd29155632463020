/* Nothing to call: being linked is all that this target does. See mutex.c. */
