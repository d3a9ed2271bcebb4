import type { ComponentChildren, JSX } from 'preact';
import { Icon, type IconName } from './icon.tsx';

export interface ButtonProps extends Omit<JSX.IntrinsicElements['button'], 'icon' | 'type'> {
  /** The one that goes on, the usual one, one among many, one that takes something away. */
  readonly kind?: 'primary' | 'plain' | 'quiet' | 'danger';
  readonly icon?: IconName;
  /** Words for screen readers where `icon` stands alone. */
  readonly label?: string;
  readonly children?: ComponentChildren;
}

export function Button({ kind = 'plain', icon, label, children, class: more = '', ...rest }: ButtonProps) {
  const alone = children === undefined;
  return (
    <button
      type="button"
      class={`button ${kind} ${alone ? 'sign' : ''} ${more}`}
      aria-label={label}
      title={alone ? label : undefined}
      {...rest}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}
