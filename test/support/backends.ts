/** The two ways in which hcr calls libc; what one can the other must. */
export const HCR_BACKENDS = [
  { name: 'koffi', env: { HCR_FFI: 'koffi' } },
  { name: 'ffi-rs', env: { HCR_FFI: 'ffi-rs' } },
] as const;
