import Broker
import Gateway

