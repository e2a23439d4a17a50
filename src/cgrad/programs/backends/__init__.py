"""What runs a program besides the interpreter: machine code by LLVM, C99 as a text."""
